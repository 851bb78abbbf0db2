;;; pen-block-test.el --- One run of a block at a time -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'org)
(require 'pen-block)

(ert-deftest pen-block-test-a-new-run-stops-the-one-before ()
  (with-temp-buffer
    (delay-mode-hooks (org-mode))
    (insert "#+begin_src pen\n#+end_src\n")
    (goto-char (point-min))
    (let ((org-babel-current-src-block-location (point)) (pen-block--running nil) stopped)
      (pen-block-begin (pen-block-at-point nil) (lambda () (setq stopped t)))
      (pen-block-begin (pen-block-at-point nil) #'ignore)
      (should stopped)
      (should (= 1 (length pen-block--running)))
      (let ((org-babel-current-src-block-location (point-max)))
        (should-not (pen-block-at-point nil))))))

(provide 'pen-block-test)
;;; pen-block-test.el ends here
