;;; screen.el --- What an Emacs that somebody can see runs in a test -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; emacs -Q -L elisp -l tests/elisp/screen.el FILE-OR-JOB
;;
;; test_screens.py starts it in a terminal or on a display of its own, presses
;; keys, and looks at what is on the screen.

;;; Code:

(require 'pen)
(require 'pen-rpc)

(defvar pen-default-model)

(setq pen-python-command (getenv "PEN_PYTHON")
      pen-default-model "pen-tiny"
      inhibit-startup-screen t
      mode-require-final-newline nil    ; saving is not to change the text
      ring-bell-function #'ignore)
(tool-bar-mode -1)
(menu-bar-mode -1)
(when (fboundp 'scroll-bar-mode)
  (scroll-bar-mode -1))
(blink-cursor-mode -1)

(let ((job (getenv "PEN_JOB")))
  (when job
    (add-hook 'window-setup-hook
              (lambda ()
                (pen-job job)
                (delete-other-windows)))))

(provide 'screen)
;;; screen.el ends here
