"""One member of each family of accelsim, as an outside package brings them; see docs/plugins.md."""
