"""The other version that `aging check` compares with: where it comes from, and the campaign with both."""
