local lint = require("lint")
lint.linters.imglint = {
  cmd = "imglint",
  stdin = true,
  args = {
    "-", "--format", "concise", "--quiet", "--stdin-filename",
    function() return vim.api.nvim_buf_get_name(0) end,
  },
  ignore_exitcode = true,
  parser = require("lint.parser").from_errorformat("%f:%l:%c: %t%*[a-z] %m", { source = "imglint" }),
}
for _, filetype in ipairs({ "dockerfile", "yaml", "json", "jsonc", "hcl", "systemd" }) do
  lint.linters_by_ft[filetype] = { "imglint" }
end
