"""What a runner watches besides what it measures: a small pure decision each, and the reading it decides on.

``disk``: is there room for results. ``memory``: is the kernel's out-of-memory killer near, and who brings it. ``load``:
does the server answer, does the client keep up. ``alarm``: told once, and once when it is over.
"""
