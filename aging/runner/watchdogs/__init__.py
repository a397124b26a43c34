"""The watchdogs of a running campaign: one pure decision per module, and the loop over them.

``disk``: is there room for results? ``memory``: is the kernel's out-of-memory killer near, and which server has grown?
``load``: does the server answer, does the client keep its schedule? ``alarms``: one event when a trouble begins, one
when it ends. ``monitor``: the loop.
"""
