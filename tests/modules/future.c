/*
 * A libmansio to come, as far as the linker cares: for modules that need more than this one has.
 */
extern int mansio_frobnicate(void);
__attribute__((visibility("default"))) int mansio_frobnicate(void)
{
    return 0;
}
