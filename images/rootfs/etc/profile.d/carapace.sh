# Learners are administrators of their seat.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# The server that started this shell is to outlive it when memory is short.
{ echo 0 >/proc/self/oom_score_adj; } 2>/dev/null || true
