"""Networks between chips: topologies and routes, collectives as steps of transfers, and what they take."""
