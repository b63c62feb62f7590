"""The same terminals called down through each server that a builder would otherwise take, in one run."""
