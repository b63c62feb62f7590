"""The swarm: many terminals in few processes, each of which does what a person with a phone would do."""
