"""Where the processes of a deployment come from: started here, a container, or running already."""
