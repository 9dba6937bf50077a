/* replaced by the first real file */ extern int core_host_placeholder; int core_host_placeholder;
