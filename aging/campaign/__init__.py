"""The campaign file and the plan derived from it; touches no network, process or result directory."""
