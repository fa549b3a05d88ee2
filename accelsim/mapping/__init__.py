"""Who computes what, where, in which order: plan, shard, price, lower."""
