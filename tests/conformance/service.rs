//! Services: sessions on members of a cluster, stepped side by side on one thread.
