"""What is done on the host of a cell: its facts, and starting, reading, resuming and stopping the cell's campaign.

Plain functions without Ray; a cell that is one job of a batch system uses them as well.
"""
