"""Families of Hugging Face configs: what the code of each adds to its ``config.json``; one file each."""
