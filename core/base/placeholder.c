/* replaced by the first real file */ extern int core_base_placeholder; int core_base_placeholder;
