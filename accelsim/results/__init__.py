"""What a run means: ledger, metrics, tables, plots, traces."""
