-- lua_system_constants: numbers of Linux for open(2) and its like
return {
  O_RDONLY = function() return 0 end, O_WRONLY = function() return 1 end, O_RDWR = function() return 2 end, O_CREAT = function() return 64 end,
  O_EXCL = function() return 128 end, O_TRUNC = function() return 512 end, O_APPEND = function() return 1024 end, O_NONBLOCK = function() return 2048 end,
  S_IRWXU = function() return 448 end, S_IRUSR = function() return 256 end, S_IWUSR = function() return 128 end, S_IXUSR = function() return 64 end,
  S_IRWXG = function() return 56 end, S_IRGRP = function() return 32 end, S_IWGRP = function() return 16 end, S_IXGRP = function() return 8 end,
  S_IRWXO = function() return 7 end, S_IROTH = function() return 4 end, S_IWOTH = function() return 2 end, S_IXOTH = function() return 1 end,
}
