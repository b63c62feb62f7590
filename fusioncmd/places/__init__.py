"""Places that an alarm can be of: enterprises, hazard points, what is protected, cameras."""
