[ -n "$BASH_VERSION" ] && . "$HOME/.bashrc"
