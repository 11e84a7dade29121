"""Flows in the columns of other tools, computed by the formulas that these publish: docs/views.md.

    packets → sums per flow and direction → beside the table `flows` → the columns of a view

The engine's scan does not pay for them: a view has a pass of its own, in which numpy sums up what the table `flows`
lacks. Memory is about a kilobyte a flow.
"""
