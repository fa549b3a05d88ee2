"""Max-min fair rates of flows on links, in whole numbers: the definition, and a way to keep it up to date.

Every flow gets as much as it can without taking from one that has less.  With a capacity ``C`` of a link, ``S`` the
sum of the rates below a level ``L`` on it, and ``n`` its flows at or above ``L``, the link is *full* at the smallest
``L`` with ``C - S < (L + 1) * n``, and the rate of a flow is the least such level of the links on its route.

Capacities and rates are whole numbers of a small unit (:mod:`accelsim.engine.fair.grid`).  That makes the rates
unique, and their sums free of order: who works out only what changed gets the bits of who works out all.  What a link
cannot divide stays unused, less than a unit per flow.

Source:
    Bertsekas and Gallager, *Data Networks*, 2nd ed., 1992, section 6.5.2 (max-min flow control).
"""
