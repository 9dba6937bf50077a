/* replaced by the first real file */ extern int core_loop_placeholder; int core_loop_placeholder;
