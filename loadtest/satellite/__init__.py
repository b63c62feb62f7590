"""A kit over a satellite link beside the same over a plain NATS leaf connection, measured on the same emulated link."""
