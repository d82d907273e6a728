"""Metering: from landed usage to the lake, and from the lake to the roll-ups that rating reads."""
