"""The contract checks that any plugin can run, from pytest or by `automedimg plugins check NAME`."""
