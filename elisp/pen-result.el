;;; pen-result.el --- What a prompt wrote, in a buffer of its own -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A prompt that neither replaces nor inserts text shows its candidates in a
;; buffer as they are written.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'pen-redraw)
(require 'pen-answer)
(require 'pen-project)

;;;; Keymaps

(defvar pen-result-mode-map
  (let ((map (make-sparse-keymap)))
    (set-keymap-parent map special-mode-map)
    (define-key map (kbd "C-c C-k") #'pen-abort)
    (define-key map "n" #'pen-result-next)
    (define-key map "p" #'pen-result-previous)
    (define-key map "w" #'pen-result-copy)
    (define-key map "g" #'pen-result-again)
    map)
  "Keys of a buffer with what a prompt wrote.")

;;;; Internal variables

(cl-defstruct (pen-result (:include pen-answer) (:constructor pen-result--make)
                          (:copier nil))
  "What is shown in a buffer of its own."
  usual)                                ; candidates that the definition asks for

(defvar-local pen-result--current nil
  "What this buffer shows.")

;;;; Functions

(define-derived-mode pen-result-mode special-mode "Pen"
  "Major mode of a buffer with what a prompt wrote.

\\{pen-result-mode-map}"
  (visual-line-mode)
  (add-hook 'kill-buffer-hook #'pen-result--close nil t))

(defun pen-result-start (definition values options)
  "Show in a buffer what DEFINITION writes for VALUES, asked with OPTIONS.
Return the buffer."
  (with-current-buffer (pen-project-buffer (format "*pen %s*" (file-name-base (plist-get definition :slug))))
    (pen-result--close)
    (pen-result-mode)
    (let ((result (pen-result--make :prompt (plist-get definition :slug) :options options
                                    :usual (plist-get definition :n)
                                    :ended #'pen-result--ended :closer #'ignore)))
      (setq pen-result--current result)
      (pen-answer-open result (lambda () (pen-result--draw result)))
      (pen-answer-ask result values (pen-result-usual result)))
    (display-buffer (current-buffer))
    (current-buffer)))

(defun pen-result--close ()
  "Stop the request of this buffer."
  (when pen-result--current
    (pen-answer-close pen-result--current)))

(defun pen-result--ended (result err)
  "Say that all of RESULT is there, or ERR, what went wrong."
  (setf (pen-result-note result)
        (if err (pen-rpc-sentence err) "The model wrote nothing; g asks again"))
  (pen-redraw-now (pen-result-redraw result))
  (when err
    (pen-rpc-tell err)))

(defun pen-result--draw (result)
  "Draw RESULT."
  (let ((inhibit-read-only t)
        (place (point))
        (texts (pen-answer-texts result)))
    (pen-redraw-header
     (concat (pen-result-prompt result) "   " (or (pen-result-model result) "")
             (pen-answer-state result) "   n p next, previous  w copy  g again  q quit"))
    (erase-buffer)
    (seq-do-indexed
     (lambda (text index)
       (insert (propertize (format "%d" (1+ index)) 'face 'shadow 'pen-result index)
               "\n" (propertize text 'pen-result index) "\n\n"))
     texts)
    (when (and (null texts) (pen-result-done result))
      (insert (propertize (pen-result-note result) 'face 'shadow) "\n"))
    (goto-char (min place (point-max)))))

(defun pen-result--index ()
  "Return the number of the candidate at point, from 0."
  (or (get-text-property (point) 'pen-result)
      (and (> (point) (point-min)) (get-text-property (1- (point)) 'pen-result))
      0))

;;;; Commands

(defun pen-result-next (&optional step)
  "Go to the next candidate, or the one STEP further."
  (interactive)
  (let* ((index (+ (pen-result--index) (or step 1)))
         (place (text-property-any (point-min) (point-max) 'pen-result index)))
    (unless place
      (user-error "There is no other candidate %s" (if (< index 0) "before it" "after it")))
    (goto-char place)))

(defun pen-result-previous ()
  "Go to the previous candidate."
  (interactive)
  (pen-result-next -1))

(defun pen-result-copy ()
  "Put the candidate at point into the kill ring."
  (interactive)
  (kill-new (or (nth (pen-result--index) (pen-answer-texts pen-result--current))
                (user-error "There is no candidate yet; wait for it")))
  (message "Copied; C-y inserts it"))

(defun pen-result-again ()
  "Ask once more."
  (interactive)
  (let ((last pen-result--current))
    (pen-result-start (list :slug (pen-result-prompt last) :n (pen-result-usual last))
                      (pen-result-values last) (pen-result-options last))))

(provide 'pen-result)
;;; pen-result.el ends here
