/* replaced by the first real file */ extern int core_net_placeholder; int core_net_placeholder;
