"""Operators: one file each, found by the registry :data:`accelsim.workload.operator.OPERATORS`.

Counting rules that hold for all of them:

- ``flops`` counts each addition, multiplication, comparison, division, square root and exponential as one operation; a
  multiply-accumulate is two.  The per-element figures of the row operators are counted from the textbook formula
  (named in each file); what a chip's exponential really costs belongs to its cost model.
- ``reads`` and ``writes`` are compulsory traffic, each operand once.
"""
