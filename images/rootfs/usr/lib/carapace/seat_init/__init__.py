"""Gives this machine the identity of its seat, as its worker asks for. Standard library only."""
