"""When a server is rejuvenated: policies decide (:mod:`aging.rejuvenation.policies`), the governor limits how often.

``base`` has the contract of a policy, ``governor`` the rules that are common to all. Nothing here acts: a campaign's
rejuvenator (``aging.runner.rejuvenator``), the guard of a live server (``aging.guard``) and the replay of a recorded
series (``aging.findings.rejuvenation``) ask the same policies and the same governor.
"""
