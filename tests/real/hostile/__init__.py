"""Workers that do harm, users who go on working, repositories as they are: all through the real command line."""
