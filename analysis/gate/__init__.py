"""The study of the gate: does `aging check` call leaks leaks, and nothing else, and how soon?"""
