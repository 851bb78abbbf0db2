;;; pen-last-prompt.el --- What a model was asked last -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-show-last-prompt' shows the text as the model read it, what it replied,
;; and what else was asked for; pen-request.el remembers that.

;;; Code:

(require 'seq)
(require 'subr-x)
(require 'pen-redraw)
(require 'pen-rpc-methods)
(require 'pen-request)

;;;; Functions

(defun pen-last-prompt--show (data)
  "Show DATA, what was asked, in a buffer."
  (with-current-buffer (get-buffer-create "*pen-last-prompt*")
    (let ((inhibit-read-only t))
      (erase-buffer)
      (special-mode)
      (pen-redraw-header
       (string-join
        (delq nil (list (plist-get data :name)
                        (or (plist-get data :model)
                            (plist-get (plist-get data :options) :model))
                        (and (plist-get (plist-get data :options) :without-filters)
                             "without filters")))
        "   "))
      (pen-last-prompt--section "Prompt" (plist-get data :prompt))
      (pen-last-prompt--section "Stops at" (mapconcat #'prin1-to-string
                                                  (plist-get data :stop) " "))
      (pen-last-prompt--section "Options" (mapconcat #'prin1-to-string
                                                 (plist-get data :options) " "))
      (seq-do-indexed (lambda (reply index)
                        (pen-last-prompt--section (format "Reply %d" (1+ index)) reply))
                      (plist-get data :replies))
      (pen-last-prompt--section "Error" (plist-get data :error))
      (goto-char (point-min)))
    (display-buffer (current-buffer))))

(defun pen-last-prompt--section (title text)
  "Insert TEXT under TITLE, if there is any."
  (when (and text (not (string-empty-p text)))
    (insert (propertize title 'face 'bold) "\n" text)
    (unless (bolp)
      (insert "\n"))
    (insert "\n")))

;;;; Commands

;;;###autoload
(defun pen-show-last-prompt ()
  "Show the text that a model read last, its stop texts, and what it replied.
Return that, `pen-last-prompt-data'."
  (interactive)
  (let ((data (or pen-last-prompt-data
                  (user-error "Nothing was asked yet; M-x pen-run-prompt-function asks"))))
    (when (called-interactively-p 'any)
      (if (plist-get data :prompt)
          (pen-last-prompt--show data)
        (pen-rpc-prompts-render         ; it failed, or still runs
         :prompt (plist-get data :name) :values (plist-get data :values)
         :project (plist-get data :project)
         :then (lambda (rendered)
                 (pen-last-prompt--show
                  (append (list :prompt (plist-get rendered :prompt)
                                :stop (plist-get rendered :stop))
                          data)))
         :else (lambda (_) (pen-last-prompt--show data)))))
    data))

(provide 'pen-last-prompt)
;;; pen-last-prompt.el ends here
