"""How the work of a model is divided over chips: degrees of parallelism and the ranks they make."""
