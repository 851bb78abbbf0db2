;;; pen-prompt-page.el --- All of a prompt definition on a page -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-describe-prompt' shows what a definition says: its variables, where its
;; texts meet and end, where its training records come from and what is done
;; with them, and its own example as a model reads it.  A training set in a file
;; of its own has such a page, too.

;;; Code:

(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-prompt)
(require 'pen-read)

;;;; Functions

(defun pen-prompt-page-show (name)
  "Show the page of NAME, a definition, a training set or a file, once it is there."
  (pen-rpc-prompts-page
   :prompt (pen-prompt-absolute name)
   :then #'pen-prompt-page--draw))

(defun pen-prompt-page--draw (page)
  "Show PAGE in *pen prompt*; its file is a button."
  (with-help-window "*pen prompt*"
    (with-current-buffer standard-output
      (insert page "\n")
      (goto-char (point-min))
      (put-text-property (point) (line-end-position) 'face 'bold)
      (when (re-search-forward "^file +\\(/.*\\)$" nil t)
        (let ((file (match-string 1)))
          (make-text-button (match-beginning 1) (match-end 1)
                            'follow-link t
                            'help-echo "Visit this definition"
                            'action (lambda (_) (find-file-other-window file))))))))

;;;; Commands

;;;###autoload
(defun pen-describe-prompt (name &optional show)
  "Show all of the prompt definition or training set NAME, or of such a file.
From Lisp, return the page as a string unless SHOW is non-nil."
  (interactive (list (pen-read-prompt-name pen-pun-prompt) t))
  (if show
      (pen-prompt-page-show name)
    (pen-rpc-prompts-page :prompt (pen-prompt-absolute name))))

(provide 'pen-prompt-page)
;;; pen-prompt-page.el ends here
