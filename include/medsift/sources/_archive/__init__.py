"""What reads archives, run in the sandbox child only."""
