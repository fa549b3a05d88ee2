"""Files that describe models: our YAML and Hugging Face ``config.json``."""
