(flycheck-define-checker imglint
  "Check container image references."
  :command ("imglint" "-" "--format" "concise" "--quiet" "--stdin-filename" source-original)
  :standard-input t
  :error-patterns
  ((error line-start (file-name) ":" line ":" column ": error "
          (id (one-or-more (any "a-z-"))) ": " (message) line-end)
   (warning line-start (file-name) ":" line ":" column ": warning "
            (id (one-or-more (any "a-z-"))) ": " (message) line-end)
   (info line-start (file-name) ":" line ":" column ": note "
         (id (one-or-more (any "a-z-"))) ": " (message) line-end))
  :modes (dockerfile-mode yaml-mode json-mode hcl-mode systemd-mode))
(add-to-list 'flycheck-checkers 'imglint)
