"""Parts of the door to the network and of the source kind "web"."""
