;;; pen-acolyte.el --- The keys of old -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Those who come from pen.el have its keys in the fingers.  They shadow standard
;; keys, so this mode is off until you turn it on:
;;
;;   (add-hook 'text-mode-hook #'pen-acolyte-minor-mode)
;;
;;   M-r  run a prompt          M-f  rewrite the region
;;   M-l  complete for longer   M-L  show the last prompt
;;   M-g  ask again             M-p  find a prompt definition

;;; Code:

(require 'pen-prompt)
(require 'pen-command)
(require 'pen-complete)
(require 'pen-last-prompt)
(require 'pen-request)
(require 'pen-read)

;;;; Keymaps

(defvar pen-acolyte-minor-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "M-r") #'pen-run-prompt-function)
    (define-key map (kbd "M-f") #'pen-filter-with-prompt-function)
    (define-key map (kbd "M-l") #'pen-complete-long)
    (define-key map (kbd "M-L") #'pen-show-last-prompt)
    (define-key map (kbd "M-g") #'pen-complete-again)
    (define-key map (kbd "M-p") #'pen-acolyte-find-prompt)
    map)
  "Keys of `pen-acolyte-minor-mode'.")

;;;; Commands

;;;###autoload
(define-minor-mode pen-acolyte-minor-mode
  "Have the keys of pen.el.

\\{pen-acolyte-minor-mode-map}"
  :keymap pen-acolyte-minor-mode-map)

;;;###autoload
(defun pen-acolyte-find-prompt (name)
  "Visit the file of the prompt definition NAME."
  (interactive (list (pen-read-prompt-name pen-pun-prompt)))
  (find-file (or (plist-get (pen-rpc-for-person #'pen-prompt-lookup name) :path)
                 (user-error "\"%s\" is in no file, so there is none to visit" name))))

(provide 'pen-acolyte)
;;; pen-acolyte.el ends here
