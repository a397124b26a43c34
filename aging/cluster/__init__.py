"""The only room that imports Ray: placement, failure detection and transport for studies and analyses."""
