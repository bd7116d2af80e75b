"""Pure rules: no ORM, no Django, no clock, no settings. Facts and `now` come in, answers go out."""
