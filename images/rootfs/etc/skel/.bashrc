# Yours to change: this runs in each new terminal.
PS1="seat-$(</run/carapace/seat):\w\$ "
alias ls='ls --color=auto'
HISTCONTROL=ignoreboth
shopt -s checkwinsize
