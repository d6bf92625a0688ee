/* apis.h: the api_*.c files. GB_API(name) stands for `void gb_open_<name>(lua_State *L, gb_vm *vm)`, which adds its
 * functions to the table on top of the stack (package.loaded["gibbon.native"]). Add a line per file, in order of name. */
