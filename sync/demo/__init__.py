"""The demonstration: an invented hospital network, three systems that describe it, and the truth to judge by."""
