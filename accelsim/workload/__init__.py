"""What is computed: models, phases, and the operator graphs they become; no hardware and no time."""
