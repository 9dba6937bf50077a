"""What the end-to-end tests are written with: an installed Mansio, daemons, clients, /proc.

Every wait here is bounded and says what it waited for; every process that is started is ended by
its own id.
"""
