"""What two tier nodes say to each other so that both come to hold the same: pure state exchange over any pipe."""
